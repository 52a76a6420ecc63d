import { config } from "../service/availability";
import { publicName } from "../service/public-name";
import { strings } from "../strings";
import * as styles from "./app.module.css";
import { Captions } from "./captions";
import { card } from "./card.module.css";
import { Controls } from "./controls";
import { Details } from "./details";
import { Earlier } from "./earlier";
import { Hint } from "./hint";
import { Gear } from "./icons";
import { Persona } from "./persona";
import { Phone } from "./phone";
import { openSettings, SettingsDialog } from "./settings/settings-dialog";
import { Speakers } from "./speakers";
import { Status } from "./status";

/** The whole page. */
export function App() {
  return (
    <>
      <div class={styles.layout}>
        <header class={styles.top}>
          <div>
            <h1>{strings.title}</h1>
            <p class={styles.lead}>{strings.lead}</p>
          </div>
          <button type="button" onClick={openSettings}>
            <Gear />
            {strings.settings}
          </button>
        </header>
        <main class={styles.main}>
          <section class={`${card} ${styles.stage}`} aria-label={strings.conversation}>
            <Status />
            <div class={styles.sides}>
              <Persona />
              <Speakers />
            </div>
            <Controls />
            <Hint />
          </section>
          <Captions />
        </main>
        <Earlier />
        <Details />
        <Phone />
        <Footer />
      </div>
      <SettingsDialog />
    </>
  );
}

function Footer() {
  const info = config.value?.moshi.info;
  return (
    <footer class={styles.foot}>
      <p>{strings.privacy}</p>
      {info && <p>{strings.about(publicName(info.model.id), info.device ?? strings.none, info.upstream.version)}</p>}
    </footer>
  );
}
