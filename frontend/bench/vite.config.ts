import { defineConfig } from "vite";

/** Pages that only the benches open; `--outDir` says where. */
export default defineConfig({
  base: "/bench/",
  build: {
    target: "es2022",
    emptyOutDir: true,
    rollupOptions: {
      input: "bench/svg-scene.ts",
      output: { entryFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
  },
});
