import "leaflet/dist/leaflet.css";
import "../styles/studio.css";
import "../styles/change.css";
import "../ui/palette";
import { api } from "../api/client";
import type { Boot } from "../api/types";
import { announceSignedIn } from "../save/wake";
import { readBoot } from "./boot";
import { ChangeApp } from "./change-app";
import { failurePage } from "./failure";
import { reasonWords } from "./validate-words";

async function open(root: HTMLElement): Promise<void> {
  const boot = readBoot() as Boot & { readonly mode: "answer" | "review" };
  announceSignedIn();
  try {
    const [campaign, desk] = await Promise.all([api.campaign(boot.campaign), api.change(boot.campaign)]);
    await new ChangeApp(root, boot, campaign, desk).start();
  } catch (error) {
    failurePage(root, new Error(reasonWords(error)));
  }
}

const root = document.querySelector<HTMLElement>("#validate");
if (root) void open(root);
