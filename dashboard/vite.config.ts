import { defineConfig } from "vite";

// `npm run dev` serves the sources and passes the services on to a server of your own choice.
const server = process.env["COLDSTREAM_URL"] ?? "http://127.0.0.1:5001";
const proxy = { "^/coldstream\\.v1\\.": { target: server } };

export default defineConfig({
  build: {
    outDir: "dist",
    target: "es2022",
    // A data: address would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy },
});
