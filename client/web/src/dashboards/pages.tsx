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
import { mayAdminister, mayEngineer, mayRead } from "../role";
import { Disagreements } from "../reviewers/disagreements";
import { LabelErrors } from "../reviewers/label_errors";
import { ReviewerPage } from "../reviewers/reviewer";
import { Reviewers } from "../reviewers/reviewers";
import { RoundPage } from "../rounds/round";
import { Rounds } from "../rounds/rounds";
import type { OtherPage, ProjectPage } from "../route";
import { NewProject } from "../setup/new_project";
import { Setup } from "../setup/setup";

export interface PageProps {
  id: string; // of the round, model, image or reviewer; see route.ts
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
  reviewers: Reviewers,
  reviewer: ReviewerPage,
  disagreements: Disagreements,
  "label errors": LabelErrors,
};

export const otherPages: Record<OtherPage, ComponentType<PageProps>> = {
  "new project": NewProject,
  people: People,
};

interface Access {
  readonly isFor: (role: RoleJson | undefined) => boolean;
  readonly needs: RoleJson; // the one of these that may least
  readonly words: string; // for all others
}

const readers = "only viewers, engineers and admins see";
const ofReviewers = `These pages tell how everybody answers: ${readers} them.`;

// Of the pages that not everybody may see.
export const access: Partial<Record<ProjectPage | OtherPage, Access>> = {
  queue: {
    isFor: mayRead,
    needs: "VIEWER",
    words: `The queue tells why an image comes, which would bias who labels it: ${readers} it.`,
  },
  images: {
    isFor: mayRead,
    needs: "VIEWER",
    words: `The images show what others drew, which would bias who labels them: ${readers} them.`,
  },
  image: {
    isFor: mayRead,
    needs: "VIEWER",
    words: `An image's history tells what others answered: ${readers} it.`,
  },
  reviewers: {
    isFor: mayRead,
    needs: "VIEWER",
    words: ofReviewers,
  },
  reviewer: {
    isFor: mayRead,
    needs: "VIEWER",
    words: ofReviewers,
  },
  disagreements: {
    isFor: mayRead,
    needs: "VIEWER",
    words: ofReviewers,
  },
  "label errors": {
    isFor: mayRead,
    needs: "VIEWER",
    words: `What seems wrong with labels would bias who reviews them: ${readers} it.`,
  },
  compare: {
    isFor: mayRead,
    needs: "VIEWER",
    words: "Only viewers, engineers and admins see how good models are.",
  },
  "new round": { isFor: mayEngineer, needs: "ENGINEER", words: "Only engineers and admins start rounds." },
  "new project": { isFor: mayEngineer, needs: "ENGINEER", words: "Only engineers and admins make projects." },
  people: { isFor: mayAdminister, needs: "ADMIN", words: "Only admins see who has access, and invite people." },
};

interface Entry {
  readonly title: string;
  readonly page: ProjectPage;
  readonly holds: readonly ProjectPage[]; // the entry is marked on these pages
}

export const navigation: readonly Entry[] = [
  { title: "Overview", page: "overview", holds: ["overview"] },
  { title: "Rounds", page: "rounds", holds: ["rounds", "round", "new round"] },
  { title: "Models", page: "models", holds: ["models", "model", "compare"] },
  { title: "Queue", page: "queue", holds: ["queue"] },
  { title: "Images", page: "images", holds: ["images", "image"] },
  { title: "Reviewers", page: "reviewers", holds: ["reviewers", "reviewer", "disagreements", "label errors"] },
  { title: "Set-up", page: "setup", holds: ["setup"] },
];
