import { defineConfig } from "vite";

// Names without hashes: the built files are committed, and a change of one shows as a change of it.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/warpmarks/annotator/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: "assets/page.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/page[extname]",
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8765" } },
});
