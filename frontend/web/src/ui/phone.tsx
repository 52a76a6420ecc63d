import { state } from "../conversation/state";
import { config } from "../service/availability";
import { phoneUrl } from "../service/config";
import { strings } from "../strings";
import { Address } from "./beneath";
import { Fold } from "./fold";
import * as styles from "./phone.module.css";
import { QrCode } from "./qr-code";
import * as text from "./text.module.css";

/** How a phone opens this page, and trusts it. An insecure page has its own advice. */
export function Phone() {
  const known = config.value;
  if (!known || state.value.name === "insecure") return null;
  const url = phoneUrl(known, location.href);
  const authority = known.devices?.authority;
  const { title, scan, closed } = strings.phone;
  return (
    <Fold title={title}>
      <div class={styles.phone}>
        {url ? (
          <div class={styles.open}>
            <QrCode content={url} label={strings.phone.code(url)} />
            <div>
              <p>{scan}</p>
              <Address url={url}>{url}</Address>
            </div>
          </div>
        ) : (
          <p>
            {closed} <code>make run LAN=1</code>.
          </p>
        )}
        {authority && <Authority fingerprint={authority} />}
      </div>
    </Fold>
  );
}

/** The file that ends the browser's warning. */
function Authority({ fingerprint }: { fingerprint: string }) {
  const { warning, download, compare, devices } = strings.phone;
  return (
    <div class={styles.authority}>
      <p>{warning}</p>
      {/* Without the attribute `download`, with which iOS would keep it as a file instead of a profile. */}
      <a class="button" href="scenario6-authority.crt">
        {download}
      </a>
      <dl>
        {devices.map(([device, steps]) => (
          <div key={device}>
            <dt>{device}</dt>
            <dd>{steps}</dd>
          </div>
        ))}
      </dl>
      <p class={text.hint}>
        {compare} <span data-testid="fingerprint">{fingerprint}</span>
      </p>
    </div>
  );
}
