import "leaflet/dist/leaflet.css";
import "../styles/studio.css";
import "../ui/view-panel";
import { api } from "../api/client";
import { announceSignedIn } from "../save/wake";
import { readBoot } from "./boot";
import { failurePage } from "./failure";
import { ReviewApp } from "./review-app";

async function open(root: HTMLElement): Promise<void> {
  const boot = readBoot();
  announceSignedIn();
  try {
    await new ReviewApp(root, boot, await api.campaign(boot.campaign)).next();
  } catch (error) {
    failurePage(root, error);
  }
}

const root = document.querySelector<HTMLElement>("#review");
if (root) void open(root);
