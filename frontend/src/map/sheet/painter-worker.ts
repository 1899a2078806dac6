/** The worker that paints the sheets. */

import { type Answer, type Order, Store } from "./store";

const store = new Store();
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d");
const port = self as unknown as { onmessage: (event: MessageEvent<Order>) => void; postMessage(answer: Answer, transfer: Transferable[]): void };

port.onmessage = ({ data }) => {
  if (data.do === "open") store.open(data.sheet, data.side);
  else if (data.do === "change") store.change(data.sheet, data.removed, data.added);
  else if (data.do === "style") store.style(data.sheet, data.style);
  else {
    [canvas.width, canvas.height] = [data.area.width, data.area.height];
    if (context) store.paint(context, data.sheet, data.area);
    const picture = canvas.transferToImageBitmap();
    port.postMessage({ number: data.number, picture }, [picture]);
  }
};
