// Pictures, fetched and decoded before they are shown.

import { NetworkError, errorOf } from "../api";
import { guarded } from "../session";

export interface Picture {
  readonly image: HTMLImageElement;
  // Settles when the picture can be painted without delay. Rejects with the reason why it can't be shown.
  readonly ready: Promise<void>;
}

export function loadPicture(address: string): Picture {
  const image = new Image();
  image.alt = "";
  image.draggable = false;
  image.src = address;
  const ready = image.decode().catch(async () => {
    throw await guarded(reasonOf(address));
  });
  ready.catch(() => {}); // Who shows the picture looks at it.
  return { image, ready };
}

// Elements don't tell why they failed. Throws what `guarded` looks at.
async function reasonOf(address: string): Promise<Error> {
  const response = await fetch(address, { cache: "reload" }).catch(() => null);
  if (!response) return new NetworkError();
  if (response.ok) return new Error("The browser can't show the file.");
  const error = await errorOf(response);
  if (response.status === 401) throw error;
  return error;
}
