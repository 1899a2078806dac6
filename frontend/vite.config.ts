import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/static/",
  build: {
    outDir: "dist",
    manifest: "manifest.json",
    target: "es2022",
    // Small images stay files: the pages' content security policy need not allow data: for them.
    assetsInlineLimit: 0,
    rollupOptions: { input: ["src/pages/studio.ts", "src/pages/correct.ts", "src/pages/validate.ts", "src/pages/change.ts", "src/pages/sample.ts", "src/pages/practice.ts", "src/pages/review.ts", "src/pages/campaign.ts", "src/pages/release.ts", "src/pages/territory.ts", "src/pages/pair.ts", "src/pages/import-model.ts", "src/pages/map-requests.ts", "src/pages/release-desk.ts", "src/pages/usage.ts", "src/pages/samples.ts", "src/pages/plots.ts"] },
  },
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.ts"],
  },
});
