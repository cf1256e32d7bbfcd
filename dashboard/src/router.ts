// Pages by path. The server answers each of these paths with the same file.

import { signal } from "@preact/signals";

export type Route =
  | { readonly page: "overview" | "alarms" | "predictions" | "system" | "machines" }
  | { readonly page: "machine"; readonly id: string }
  | { readonly page: "none" };

function parse(path: string): Route {
  const clean = path.replace(/\/+$/, "") || "/";
  switch (clean) {
    case "/":
      return { page: "overview" };
    case "/machines":
      return { page: "machines" };
    case "/alarms":
      return { page: "alarms" };
    case "/predictions":
      return { page: "predictions" };
    case "/system":
      return { page: "system" };
  }
  const id = /^\/machines\/([^/]+)$/.exec(clean)?.[1];
  if (id !== undefined) {
    try {
      return { page: "machine", id: decodeURIComponent(id) };
    } catch {
      // Not an address that this page has made.
    }
  }
  return { page: "none" };
}

/** The page shown. */
export const route = signal<Route>(parse(location.pathname));
/** The words after the question mark: a page's filters. */
export const search = signal(new URLSearchParams(location.search));

function look(): void {
  route.value = parse(location.pathname);
  search.value = new URLSearchParams(location.search);
}

addEventListener("popstate", look);

/** Goes to another page of this application. */
export function go(path: string): void {
  const before = location.pathname;
  history.pushState(null, "", path);
  look();
  if (location.pathname !== before) scrollTo(0, 0);
}

/** Puts a page's filters into its address, so that it can be sent to a colleague. */
export function setSearch(values: Readonly<Record<string, string>>): void {
  const next = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ""));
  const text = next.toString();
  history.replaceState(null, "", location.pathname + (text ? `?${text}` : ""));
  search.value = next;
}

/** The path of a machine's page. Ids may contain slashes. */
export function machinePath(id: string): string {
  return `/machines/${encodeURIComponent(id)}`;
}
