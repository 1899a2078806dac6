import "leaflet/dist/leaflet.css";
import "../styles/studio.css";
import "../ui/palette";
import "../ui/save-state";
import "../ui/toolbar";
import "../ui/view-panel";
import "../ui/why-card";
import { api } from "../api/client";
import { announceSignedIn } from "../save/wake";
import { readBoot } from "./boot";
import { failurePage } from "./failure";
import { StudioApp } from "./studio-app";

async function open(root: HTMLElement): Promise<void> {
  const boot = readBoot();
  announceSignedIn();
  try {
    const app = new StudioApp(root, boot, await api.campaign(boot.campaign));
    // Where a place of the tile is in the window, for tools that draw with a real pointer.
    Object.assign(root, { projectToScreen: (xPx: number, yPx: number) => app.view.toScreen(xPx, yPx) });
    await app.start();
  } catch (error) {
    failurePage(root, error);
  }
}

const root = document.querySelector<HTMLElement>("#studio");
if (root) void open(root);
