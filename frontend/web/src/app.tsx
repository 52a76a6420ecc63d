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
      if (event.key.toLowerCase() === "m" && !event.ctrlKey && !event.metaKey && !event.altKey) toggleMute();
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
  if (!underWay.value) {
    const again = state.value.name === "ended" || state.value.name === "failed";
    return (
      <div class="controls">
        <button type="button" class="primary" disabled={!canConnect.value} onClick={() => void connect()}>
          {again ? strings.connectAgain : strings.connect}
        </button>
      </div>
    );
  }
  return (
    <div class="controls">
      {live && (
        <button type="button" aria-keyshortcuts="m" title={strings.muteHint} onClick={toggleMute}>
          {muted.value ? strings.unmute : strings.mute}
        </button>
      )}
      <button type="button" class={live ? "danger" : ""} onClick={disconnect}>
        {live ? strings.disconnect : strings.cancel}
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
