import { render } from "preact";
import { App } from "./app";
import { open } from "./controller";
import "./style.css";
import { offerSupport } from "./support";

const root = document.getElementById("app");
if (!root) throw new Error("index.html has no element #app");
offerSupport();
render(<App />, root);
void open();
