/** The studio with a fault on purpose, for bench/chaos_studio.py: the browser's copy goes before the server has answered. */

import { mergeConfig, type Plugin } from "vite";
import product from "../vite.config";

const FILE = "/src/save/saver.ts";
const STATEMENT = "answer = await this.hooks.send(version, body);";
const FAULT = "await this.log.journal.clear(this.log.key, this.log.owner).catch(() => undefined);";

function deleteBeforeAcknowledgement(): Plugin {
  let isPlanted = false;
  return {
    name: "delete-before-acknowledgement",
    enforce: "pre",
    transform(code, id) {
      if (!id.endsWith(FILE)) return undefined;
      if (code.split(STATEMENT).length !== 2) this.error(`${FILE} does not hold once: ${STATEMENT}`);
      isPlanted = true;
      return { code: code.replace(STATEMENT, `${FAULT} ${STATEMENT}`), map: null };
    },
    buildEnd() {
      if (!isPlanted) this.error(`${FILE} was not built: the fault is not there`);
    },
  };
}

export default mergeConfig(product, { plugins: [deleteBeforeAcknowledgement()] });
