import { useEffect } from "preact/hooks";
import { Captions } from "./components/captions";
import { Details } from "./components/details";
import { Meter } from "./components/meter";
import {
  canConnect,
  config,
  connect,
  disconnect,
  inputLevel,
  muted,
  outputLevel,
  state,
  stateWords,
  toggleMute,
  underWay,
} from "./controller";
import { strings } from "./strings";

export function App() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key.toLowerCase() === "m") toggleMute();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <main>
      <header>
        <h1>{strings.title}</h1>
        <p class="lead">{strings.lead}</p>
      </header>
      {config.value?.moshi.info?.model.demo && <p class="note">{strings.demo}</p>}
      <section class="panel">
        <p class={`state state-${state.value.name}`} role="status" data-testid="state">
          {stateWords}
        </p>
        <Controls />
        <div class="meters">
          <Meter who={strings.you} level={inputLevel} />
          <Meter who={strings.moshi} level={outputLevel} />
        </div>
      </section>
      <Captions />
      <Details />
      <Footer />
    </main>
  );
}

function Controls() {
  const live = state.value.name === "live";
  const again = state.value.name === "ended" || state.value.name === "failed";
  const begin = again ? strings.connectAgain : strings.connect;
  const leave = live ? strings.disconnect : strings.cancel;
  return (
    <div class="controls">
      {live && (
        <button key="mute" type="button" aria-keyshortcuts="m" title={strings.muteHint} onClick={toggleMute}>
          {muted.value ? strings.unmute : strings.mute}
        </button>
      )}
      {/* One element for beginning and leaving: it keeps the keyboard's focus. */}
      <button
        key="call"
        type="button"
        class={live ? "danger" : underWay.value ? "" : "primary"}
        disabled={!underWay.value && !canConnect.value}
        onClick={underWay.value ? disconnect : () => void connect()}
      >
        {underWay.value ? leave : begin}
      </button>
    </div>
  );
}

function Footer() {
  const info = config.value?.moshi.info;
  return (
    <footer>
      <p>{strings.headphones}</p>
      {info && <p>{strings.about(info.model.id, info.device ?? strings.none, info.upstream.version)}</p>}
    </footer>
  );
}
