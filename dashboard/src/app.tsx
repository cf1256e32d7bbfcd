// The frame around every page: navigation, connection, language and theme.

import { useEffect, useRef } from "preact/hooks";

import { messages } from "./i18n/index.ts";
import { AlarmsPage } from "./pages/alarms/page.tsx";
import { MachinePage } from "./pages/machine/page.tsx";
import { MachinesPage } from "./pages/machine/choose.tsx";
import { OverviewPage } from "./pages/overview/page.tsx";
import { PredictionsPage } from "./pages/predictions/page.tsx";
import { SystemPage } from "./pages/system/page.tsx";
import { route } from "./router.ts";
import { isAcknowledged } from "./lib/episodes.ts";
import { openAlarms } from "./store/alarms.ts";
import { status } from "./store/status.ts";
import { AcknowledgeDialog } from "./ui/acknowledge.tsx";
import { Draw, Logo, type Drawing } from "./ui/icons.tsx";
import { LinkBanner, LinkPill } from "./ui/link.tsx";
import { Link } from "./ui/parts.tsx";
import { Preferences } from "./ui/preferences.tsx";

function Page() {
  const at = route.value;
  switch (at.page) {
    case "overview":
      return <OverviewPage />;
    case "machines":
      return <MachinesPage />;
    case "machine":
      // Another machine is another page: nothing of the one before stays.
      return <MachinePage key={at.id} id={at.id} />;
    case "alarms":
      return <AlarmsPage />;
    case "predictions":
      return <PredictionsPage />;
    case "system":
      return <SystemPage />;
    case "none":
      return (
        <div class="empty page-empty">
          <p>{messages.value.common.notFoundPage}</p>
          <Link to="/" class="button">
            {messages.value.common.backHome}
          </Link>
        </div>
      );
  }
}

function NavItem({ to, icon, text, current, count }: { to: string; icon: Drawing; text: string; current: boolean; count?: number }) {
  return (
    <li>
      <Link to={to} class="nav-item" aria-current={current ? "page" : undefined}>
        <Draw name={icon} />
        <span class="nav-text">{text}</span>
        {count !== undefined && count > 0 && <span class="nav-count">{count > 99 ? "99+" : count}</span>}
      </Link>
    </li>
  );
}

function Navigation() {
  const m = messages.value.nav;
  const page = route.value.page;
  const unknown = openAlarms.value.filter((alarm) => !isAcknowledged(alarm)).length;
  return (
    <nav class="nav" aria-label={m.main}>
      <ul>
        <NavItem to="/" icon="overview" text={m.overview} current={page === "overview"} />
        <NavItem to="/machines" icon="machine" text={m.machines} current={page === "machine" || page === "machines"} />
        <NavItem to="/alarms" icon="alarms" text={m.alarms} current={page === "alarms"} count={unknown} />
        <NavItem to="/predictions" icon="predictions" text={m.predictions} current={page === "predictions"} />
        <NavItem to="/system" icon="system" text={m.system} current={page === "system"} />
      </ul>
    </nav>
  );
}

function title(): string {
  const m = messages.value;
  const at = route.value;
  switch (at.page) {
    case "overview":
      return m.nav.overview;
    case "machines":
      return m.machine.choose;
    case "machine":
      return m.machine.title(at.id);
    case "alarms":
      return m.alarms.title;
    case "predictions":
      return m.predictions.title;
    case "system":
      return m.system.title;
    case "none":
      return "Coldstream";
  }
}

export function App() {
  const heading = useRef<HTMLHeadingElement>(null);
  const text = title();
  const first = useRef(true);
  useEffect(() => {
    document.title = text === "Coldstream" ? text : `${text} · Coldstream`;
  }, [text]);
  useEffect(() => {
    // A screen reader is told of the new page; at the first one the browser does it.
    if (!first.current) heading.current?.focus({ preventScroll: true });
    first.current = false;
  }, [route.value]);
  return (
    <>
      <a class="skip" href="#content">
        {messages.value.nav.skip}
      </a>
      <div class="shell">
        <aside class="rail">
          <Link to="/" class="brand" aria-label="Coldstream">
            <Logo />
            <span class="brand-text">Coldstream</span>
          </Link>
          <Navigation />
          <p class="rail-foot">{status.value && `v${status.value.version}`}</p>
        </aside>
        <div class="main">
          <header class="top">
            <h1 ref={heading} tabIndex={-1}>
              {text}
            </h1>
            <div class="top-tools">
              <LinkPill />
              <Preferences />
            </div>
          </header>
          <LinkBanner />
          <main id="content" class="content" tabIndex={-1}>
            <Page />
          </main>
        </div>
      </div>
      <AcknowledgeDialog />
    </>
  );
}
