import "leaflet/dist/leaflet.css";
import "../styles/studio.css";
import "../styles/practice.css";
import "../ui/palette";
import "../ui/toolbar";
import "../ui/view-panel";
import "../ui/why-card";
import type { Boot } from "../api/types";
import { PracticeBackend } from "../practice/backend";
import { Guide } from "../practice/guide";
import { NoJournal } from "../practice/no-journal";
import { practiceCampaign } from "../practice/scene";
import { readBoot } from "./boot";
import { failurePage } from "./failure";
import { prefer } from "./preferences";
import { StudioApp } from "./studio-app";

/** Wide enough for a newcomer to see it paint. */
const BRUSH_PX = 40;
/** What the guide's words suppose, whatever this person set elsewhere. */
const THRESHOLD = 0.8;

async function open(root: HTMLElement): Promise<void> {
  try {
    const boot: Boot = { ...readBoot(), campaign: "practice", tile: null, user: { username: "practice" } };
    const backend = new PracticeBackend();
    let guide: Guide | null = null;
    const app: StudioApp = new StudioApp(root, boot, practiceCampaign(), {
      api: backend,
      isPractice: true,
      journal: new NoJournal(),
      onSubmitted: () => guide?.finish(),
      onPaint: () => guide?.refresh(),
    });
    Object.assign(root, { projectToScreen: (xPx: number, yPx: number) => app.view.toScreen(xPx, yPx) });
    // For this page alone: what the person prefers elsewhere stays.
    Object.assign(app.suggestionDesk, { threshold: THRESHOLD });
    app.update({ brushPx: BRUSH_PX });
    guide = new Guide(app);
    backend.fetchAll();
    await app.start();
    prefer("practice", false);
  } catch (error) {
    failurePage(root, error);
  }
}

const root = document.querySelector<HTMLElement>("#studio");
if (root) void open(root);
