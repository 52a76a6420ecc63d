"""`python -m loadtest URL`: hold conversations for a while and print how late their frames were."""

import argparse
import asyncio
import json
import ssl

import numpy as np

from loadtest.client import Conversation, converse, encode, noise


def main() -> None:
    parser = argparse.ArgumentParser(prog="loadtest", description=__doc__)
    parser.add_argument("url", help="wss://localhost:8998/api/chat, or the frontend's ws://localhost:8080/api/chat")
    parser.add_argument("--sessions", type=int, default=1, help="conversations at the same time (1)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each (20)")
    parser.add_argument("--insecure", action="store_true", help="do not verify the certificate")
    arguments = parser.parse_args()
    trust = None
    if arguments.url.startswith("wss:"):
        trust = ssl.create_default_context()
        if arguments.insecure:
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    results = asyncio.run(_hold(arguments.url, arguments.sessions, arguments.seconds, trust))
    print(json.dumps(summary(results), indent=2))


async def _hold(url: str, sessions: int, seconds: float, trust: ssl.SSLContext | None) -> list[Conversation]:
    messages = encode(noise(seconds))
    return list(await asyncio.gather(*(converse(url, messages, trust=trust) for _ in range(sessions))))


def summary(results: list[Conversation]) -> dict[str, object]:
    """Milliseconds. Refused conversations stay in the count; `missing_frames` are answers that never came."""
    lags = np.array([lag for result in results for lag in result.lags()]) * 1000
    handshakes = [result.handshake_seconds for result in results if result.handshake_seconds is not None]
    return {
        "sessions": len(results),
        "served": len(handshakes),
        "handshake_ms": [round(seconds * 1000, 1) for seconds in handshakes],
        "frames": len(lags),
        "missing_frames": sum(max(0, len(result.sent) - 1 - len(result.heard)) for result in results),
        "lag_ms": {f"p{q}": round(float(np.percentile(lags, q)), 1) for q in (50, 95, 99)} if len(lags) else None,
        "closed": [
            f"{result.close_code} {result.close_reason}".strip() for result in results if result.close_code != 1000
        ],
    }


if __name__ == "__main__":
    main()
