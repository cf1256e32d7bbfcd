// What a failed call means for the page.

import { Code, ConnectError } from "@connectrpc/connect";

/** Why there is nothing to show. */
export type Problem =
  /** The server does not have the service: older, or built without it. */
  | { readonly kind: "unimplemented" }
  /** The table does not exist (yet). */
  | { readonly kind: "not_found"; readonly why: string }
  /** The request was wrong: the user's SQL, for example. */
  | { readonly kind: "invalid"; readonly why: string }
  /** No answer; the connection state says more. */
  | { readonly kind: "unreachable" }
  | { readonly kind: "failed"; readonly why: string };

export function problemOf(error: unknown): Problem {
  const known = ConnectError.from(error);
  switch (known.code) {
    case Code.Unimplemented:
      return { kind: "unimplemented" };
    case Code.NotFound:
      return { kind: "not_found", why: known.rawMessage };
    case Code.InvalidArgument:
      return { kind: "invalid", why: known.rawMessage };
    case Code.Unavailable:
    case Code.Unknown:
    case Code.Canceled:
      return { kind: "unreachable" };
    default:
      return { kind: "failed", why: known.rawMessage };
  }
}

/** Whether a service is missing, which no new try can change. */
export function isUnimplemented(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Unimplemented;
}
