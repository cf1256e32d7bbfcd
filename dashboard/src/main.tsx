import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/tables.css";
import "./styles/pages.css";

import { render } from "preact";

import { hold } from "./api/link.ts";
import { App } from "./app.tsx";
import { followAlarms } from "./store/alarms.ts";
import { setServerTime } from "./store/clock.ts";
import { followFleet } from "./store/fleet.ts";
import { learnSensors } from "./store/sensors.ts";
import { setStatus } from "./store/status.ts";

const root = document.getElementById("app");
if (root) render(<App />, root);

void hold([followFleet, followAlarms, learnSensors], (status) => {
  setServerTime(status);
  setStatus(status);
});
