# `nix build .#conversation-test`: a virtual machine with nothing but Podman and the two images loads them, starts them as an
# operator would, and talks. It needs KVM.
{
  testers,
  services,
  moshi-image,
  frontend-image,
  curl,
}:
testers.runNixOSTest {
  name = "scenario6-conversation";
  nodes.machine = {
    virtualisation = {
      podman.enable = true;
      cores = 4;
      memorySize = 8192;
      diskSize = 32768; # MiB: both images, and Podman's copy of their layers
    };
    environment.systemPackages = [ curl ];
  };
  testScript = ''
    machine.wait_for_unit("multi-user.target")
    machine.succeed("${moshi-image} | podman load", "${frontend-image} | podman load")

    hardened = "--read-only --tmpfs /tmp --cap-drop all --security-opt no-new-privileges --network host"
    machine.succeed(
        "podman volume create state",
        f"podman run -d --name moshi {hardened} -v state:/var/lib/scenario6 -e MOSHI_SLOTS=2 ${moshi-image.reference}",
    )
    machine.wait_until_succeeds("curl -fk https://localhost:8998/health", timeout=300)
    machine.succeed(
        f"podman run -d --name frontend {hardened} -v state:/var/lib/scenario6:ro"
        " -e MOSHI_URL=https://localhost:8998 -e FRONTEND_MOSHI_CA=/var/lib/scenario6/tls/ca.pem"
        " ${frontend-image.reference}",
    )
    machine.wait_until_succeeds("curl -f http://localhost:8080/health", timeout=60)
    # Not through a pipe: grep -q ends at the first match, and curl would fail on the closed pipe.
    machine.succeed("curl -f http://localhost:8080/ -o /tmp/page.html", "grep -q '<title>' /tmp/page.html")

    # Three seconds of a conversation, through the frontend, with our own client.
    machine.succeed("${services.demo}/bin/python -m loadtest ws://localhost:8080/api/chat --seconds 3 --json /tmp/talk.json")
    print(machine.succeed("cat /tmp/talk.json"))

    # A stop is orderly: the exit code is the service's own.
    machine.succeed("podman stop --time 60 moshi frontend")
    for name in ("moshi", "frontend"):
        assert machine.succeed(f"podman inspect --format '{{{{.State.ExitCode}}}}' {name}").strip() == "0"
  '';
}
