import "leaflet/dist/leaflet.css";
import "../styles/studio.css";
import "../ui/palette";
import "../ui/save-state";
import "../ui/toolbar";
import "../ui/view-panel";
import "../ui/why-card";
import { api } from "../api/client";
import type { Boot } from "../api/types";
import { announceSignedIn } from "../save/wake";
import { readBoot } from "./boot";
import { CorrectionBackend } from "./correction-backend";
import { failurePage } from "./failure";
import { StudioApp } from "./studio-app";

async function open(root: HTMLElement): Promise<void> {
  const boot: Boot = { ...readBoot(), tile: null };
  announceSignedIn();
  try {
    const desk = `/campaigns/${encodeURIComponent(boot.campaign)}/review/`;
    const backend = new CorrectionBackend(boot.annotation ?? 0);
    const app = new StudioApp(root, boot, await api.campaign(boot.campaign), {
      api: backend,
      correction: { desk, author: () => backend.author },
      onSubmitted: () => { window.location.assign(desk); },
    });
    Object.assign(root, { projectToScreen: (xPx: number, yPx: number) => app.view.toScreen(xPx, yPx) });
    await app.start();
  } catch (error) {
    failurePage(root, error);
  }
}

const root = document.querySelector<HTMLElement>("#studio");
if (root) void open(root);
