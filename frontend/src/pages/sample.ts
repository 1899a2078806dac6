import "leaflet/dist/leaflet.css";
import "../styles/studio.css";
import "../ui/palette";
import { api } from "../api/client";
import { sampleApi } from "../api/samples";
import { announceSignedIn } from "../save/wake";
import { readBoot } from "./boot";
import { failurePage } from "./failure";
import { SampleApp } from "./sample-app";
import { reasonWords } from "./validate-words";

async function open(root: HTMLElement): Promise<void> {
  const boot = readBoot();
  announceSignedIn();
  try {
    const id = boot.sample ?? 0;
    const [campaign, sample] = await Promise.all([api.campaign(boot.campaign), sampleApi.sample(id)]);
    const app = new SampleApp(root, boot, campaign, sample, boot.settle ?? false);
    await app.start();
  } catch (error) {
    failurePage(root, new Error(reasonWords(error)));
  }
}

const root = document.querySelector<HTMLElement>("#sample");
if (root) void open(root);
