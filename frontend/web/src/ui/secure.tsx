import { config } from "../service/availability";
import { secureUrl } from "../service/config";
import { strings } from "../strings";
import { Address, Beneath } from "./beneath";

/** On an insecure page: the secure address, if the service has one; otherwise how to make one. */
export function Secure() {
  const known = config.value;
  if (!known) return null; // it says nothing yet
  const url = secureUrl(known, location.href);
  return (
    <Beneath>
      {url ? (
        <>
          <span>{strings.insecureOpen}</span>
          <Address url={url}>{url}</Address>
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
    </Beneath>
  );
}
