import { render } from "preact";
import { App } from "./app";
import { open } from "./controller";
import { listenToKeys } from "./keyboard";
import { followTheme } from "./preferences";
import { watchDevices } from "./sound";
import "./style.css";
import { offerSupport } from "./support";
import { keepAwake } from "./wake-lock";

const root = document.getElementById("app");
if (!root) throw new Error("index.html has no element #app");
followTheme(document.documentElement);
offerSupport();
listenToKeys();
keepAwake();
watchDevices();
render(<App />, root);
void open();
