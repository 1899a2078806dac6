import "leaflet/dist/leaflet.css";
import "../styles/studio.css";
import "../ui/palette";
import { api } from "../api/client";
import { BrowserJournal } from "../save/journal";
import { announceSignedIn } from "../save/wake";
import { readBoot } from "./boot";
import { Courier } from "./courier";
import { failurePage } from "./failure";
import { ValidateApp } from "./validate-app";
import { reasonWords } from "./validate-words";

async function open(root: HTMLElement): Promise<void> {
  const boot = readBoot();
  announceSignedIn();
  try {
    const app = new ValidateApp(root, boot, await api.campaign(boot.campaign));
    // Where a place of the tile is in the window, for tools that work with a real pointer.
    Object.assign(root, { projectToScreen: (xPx: number, yPx: number) => app.view.toScreen(xPx, yPx) });
    await app.start();
    await new Courier(boot.user.public_id ?? boot.user.username ?? "", new BrowserJournal()).sendDrawings();
  } catch (error) {
    failurePage(root, new Error(reasonWords(error)));
  }
}

const root = document.querySelector<HTMLElement>("#validate");
if (root) void open(root);
