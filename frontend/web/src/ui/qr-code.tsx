import { useEffect, useState } from "preact/hooks";
import * as styles from "./qr-code.module.css";

const QUIET = 4; // modules around the code, as the standard has it

/** Rows of modules; true is dark. */
type Modules = readonly (readonly boolean[])[];

/** A QR code. The library loads when the first one is shown. `label`: for people who do not see it. */
export function QrCode({ content, label }: { content: string; label: string }) {
  const [modules, setModules] = useState<Modules | null>(null);
  useEffect(() => {
    let shown = true;
    import("qr")
      .then(({ default: encode }) => shown && setModules(encode(content, "raw", { ecc: "medium", border: QUIET })))
      .catch(() => undefined); // the address stands beside it
    return () => {
      shown = false;
    };
  }, [content]);
  if (!modules) return <div class={styles.code} />;
  const size = modules.length;
  return (
    <svg class={styles.code} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <path d={outline(modules)} />
    </svg>
  );
}

/** A square for each dark module. */
function outline(modules: Modules): string {
  return modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
}
