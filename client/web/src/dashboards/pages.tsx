// Which component shows which page. A page in the navigation has its place in it here, too.

import type { ComponentType } from "preact";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { RoleJson, TokenJson } from "../../gen/loupe/v1/token_pb";
import { ImageHistory } from "../image_history/image_history";
import { Images } from "../images/images";
import { Overview } from "../overview/overview";
import { Queue } from "../queue/queue";
import { Compare } from "../models/compare";
import { Model } from "../models/model";
import { Models } from "../models/models";
import { NewRound } from "../recipe/new_round";
import { People } from "../people/people";
import { mayRead } from "../role";
import { RoundPage } from "../rounds/round";
import { Rounds } from "../rounds/rounds";
import type { OtherPage, ProjectPage } from "../route";
import { NewProject } from "../setup/new_project";
import { Setup } from "../setup/setup";

export interface PageProps {
  id: string; // of the round, model or image; see route.ts
  query: URLSearchParams; // changeQuery of route.ts changes it
  caller: TokenJson;
}

export interface ProjectPageProps extends PageProps {
  project: ProjectJson;
  // Reads the project again, after it was changed.
  reload: () => Promise<void>;
}

export const projectPages: Record<ProjectPage, ComponentType<ProjectPageProps>> = {
  overview: Overview,
  image: ImageHistory,
  queue: Queue,
  models: Models,
  model: Model,
  compare: Compare,
  "new round": NewRound,
  rounds: Rounds,
  round: RoundPage,
  setup: Setup,
  images: Images,
};

export const otherPages: Record<OtherPage, ComponentType<PageProps>> = {
  "new project": NewProject,
  people: People,
};

interface Entry {
  readonly title: string;
  readonly page: ProjectPage;
  readonly holds: readonly ProjectPage[]; // the entry is marked on these pages
  readonly isFor: (role: RoleJson | undefined) => boolean;
}

const everybody = () => true;

export const navigation: readonly Entry[] = [
  { title: "Overview", page: "overview", holds: ["overview"], isFor: everybody },
  { title: "Rounds", page: "rounds", holds: ["rounds", "round", "new round"], isFor: everybody },
  { title: "Models", page: "models", holds: ["models", "model", "compare"], isFor: everybody },
  { title: "Queue", page: "queue", holds: ["queue"], isFor: mayRead },
  { title: "Images", page: "images", holds: ["images", "image"], isFor: mayRead },
  { title: "Set-up", page: "setup", holds: ["setup"], isFor: everybody },
];
