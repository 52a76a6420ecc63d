import { Captions } from "./components/captions";
import { Controls } from "./components/controls";
import { Details } from "./components/details";
import { Earlier } from "./components/earlier";
import { Gear } from "./components/icons";
import { Persona } from "./components/persona";
import { SettingsDialog } from "./components/settings-dialog";
import { Speakers } from "./components/speakers";
import { Status } from "./components/status";
import { isUnderWay } from "./conversation";
import { youAre } from "./hearing";
import { deviceReason } from "./reasons";
import { deviceProblem, echo } from "./sound";
import { config, settingsOpen, state } from "./store";
import { strings } from "./strings";

export function App() {
  return (
    <>
      <div class="layout">
        <header class="top">
          <div>
            <h1>{strings.title}</h1>
            <p class="lead">{strings.lead}</p>
          </div>
          <button type="button" onClick={openSettings}>
            <Gear />
            {strings.settings}
          </button>
        </header>
        <main>
          <section class="card stage" aria-label={strings.conversation}>
            <Status />
            <Speakers />
            <Hint />
            <Controls />
            <Persona />
          </section>
          <Captions />
        </main>
        <Earlier />
        <Details />
        <Footer />
      </div>
      <SettingsDialog />
    </>
  );
}

/** One at a time, the most pressing one. */
function Hint() {
  if (youAre.value === "noSound") {
    return (
      <p class="note">
        {strings.problems.noSoundHint}
        <button type="button" onClick={openSettings}>
          {strings.chooseMicrophone}
        </button>
      </p>
    );
  }
  if (deviceProblem.value && isUnderWay(state.value)) return <p class="note">{deviceReason(deviceProblem.value)}</p>;
  if (echo.value === "off" || echo.value === "weak") return <p class="note">{strings.headphones}</p>;
  if (!isUnderWay(state.value) && config.value?.moshi.info?.model.demo) return <p class="note">{strings.demo}</p>;
  return null;
}

function Footer() {
  const info = config.value?.moshi.info;
  return (
    <footer class="foot">
      <p>{strings.privacy}</p>
      {info && <p>{strings.about(info.model.id, info.device ?? strings.none, info.upstream.version)}</p>}
    </footer>
  );
}

function openSettings(): void {
  settingsOpen.value = true;
}
