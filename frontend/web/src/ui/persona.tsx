/** Voice and role: picked before a conversation, shown during it. */

import { session } from "../conversation/current-call";
import { isUnderWay } from "../conversation/machine";
import { persona } from "../conversation/preferences";
import { state } from "../conversation/state";
import { config } from "../service/availability";
import { company, OWN, type Persona as Picked, roleTokens } from "../service/personas";
import type { Personas } from "../service/types";
import { strings } from "../strings";
import { Choice, FieldGrid, LongText } from "./fields";
import * as styles from "./persona.module.css";

/** Fields before a conversation, the confirmed choice during it. */
export function Persona() {
  const offered = config.value?.moshi.info?.personas;
  if (isUnderWay(state.value)) return <Company offered={offered} />;
  return offered && state.value.name !== "insecure" ? <Picker offered={offered} /> : null;
}

function Picker({ offered }: { offered: Personas }) {
  const picked = persona.value;
  const pick = (change: Partial<Picked>) => {
    persona.value = { ...persona.value, ...change };
  };
  const usual = offered.default_voice === null ? strings.voiceNone : strings.voiceDefault(offered.default_voice);
  const own = offered.text_prompt === "free" && picked.role === OWN;
  return (
    <FieldGrid>
      {offered.voices.length > 0 && (
        <Choice
          label={strings.voice}
          value={offered.voices.some(({ id }) => id === picked.voice) ? picked.voice : ""}
          options={[["", usual], ...offered.voices.map(({ id }) => [id, id] as const)]}
          onChange={(voice) => pick({ voice })}
        />
      )}
      {offered.text_prompt !== "off" && (
        <Choice
          label={strings.role}
          hint={own ? null : cost(picked, offered)}
          value={own || offered.presets.some(({ id }) => id === picked.role) ? picked.role : ""}
          options={[
            ["", strings.roleNone],
            ...offered.presets.map(({ id, name }) => [id, name] as const),
            ...(offered.text_prompt === "free" ? [[OWN, strings.roleOwn] as const] : []),
          ]}
          onChange={(role) => pick({ role })}
        />
      )}
      {own && (
        <LongText
          label={strings.roleText}
          hint={strings.roleCost(roleTokens(picked, offered), offered.max_tokens, true)}
          placeholder={strings.roleExample}
          longest={offered.max_characters}
          value={picked.text}
          onInput={(text) => pick({ text })}
        />
      )}
    </FieldGrid>
  );
}

function cost(picked: Picked, offered: Personas): string | null {
  const tokens = roleTokens(picked, offered);
  return tokens === 0 ? null : strings.roleCost(tokens, offered.max_tokens, false);
}

/** Voice and role as the service has confirmed them. */
function Company({ offered }: { offered: Personas | null | undefined }) {
  const with_ = company(session.value?.settings ?? {}, offered);
  if (!with_) return null;
  return (
    <p class={styles.company} data-testid="company">
      {with_.voice && <span>{strings.inVoice(with_.voice)}</span>}
      {with_.role && <span dir="auto">{with_.role}</span>}
    </p>
  );
}
