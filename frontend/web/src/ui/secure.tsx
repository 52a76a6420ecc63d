import { config } from "../service/availability";
import { secureUrl } from "../service/config";
import { strings } from "../strings";

/** On an insecure page: the secure address, if the service has one; otherwise how to make one. */
export function Secure() {
  const known = config.value;
  if (!known) return null; // it says nothing yet
  const url = secureUrl(known, location.href);
  return (
    <div class="beneath">
      {url ? (
        <>
          <span>{strings.insecureOpen}</span>
          <a class="address" href={url}>
            {url}
          </a>
        </>
      ) : (
        <>
          <span>
            {strings.insecureEnable} <code>FRONTEND_TLS=auto</code>. {strings.insecureThen}
          </span>
          <span>{strings.insecureProxy}</span>
        </>
      )}
      <span>{strings.insecureElse}</span>
    </div>
  );
}
