# The model's service. The driver's libraries belong to the host, and the container runtime mounts them.
#
# There are two ways to find them, because there are two kinds of hosts:
# - NVIDIA's toolkit and CDI mount them where the host has them, which on WSL is a folder with a name of its own, and write
#   /etc/ld.so.cache. nixpkgs' C library reads the cache beside itself instead, so a link leads from there to the container's.
#   Some releases of the toolkit write no cache where there was none, and ldconfig reads only the folders that ld.so.conf
#   includes: the image brings both files.
# - Others mount a folder and write no cache (GKE, NixOS). LD_LIBRARY_PATH names the folders that hosts are known to use.
{
  lib,
  stdenv,
  image,
  release,
  services,
}:
let
  cache = "/var/cache/huggingface";
  libc = stdenv.cc.libc;
  driver = [
    "/usr/lib64" # Fedora, RHEL, SUSE; the toolkit before 1.18
    "/usr/local/nvidia/lib64" # NixOS, GKE
    "/usr/lib/x86_64-linux-gnu" # Ubuntu; Debian with NVIDIA's packages
    "/usr/lib/x86_64-linux-gnu/nvidia/current" # Debian's own packages
    "/usr/lib/wsl/lib" # WSL 2
    "/usr/lib" # Arch
  ];
in
image {
  name = "scenario6-moshi";
  title = "Scenario 6: Moshi conversations, many in one batch";
  service = services.moshi-backend;
  command = [
    "moshi-backend"
    "serve"
  ];
  port = 8998;
  volumes = [ cache ];
  environment = {
    HF_HOME = cache;
    MOSHI_HOST = "0.0.0.0";
    MOSHI_STATE_DIR = "/var/lib/scenario6";
    NVIDIA_VISIBLE_DEVICES = "all";
    NVIDIA_DRIVER_CAPABILITIES = "compute,utility";
    LD_LIBRARY_PATH = lib.concatStringsSep ":" driver;
    # The image has no C compiler. The engine compiles nothing; this keeps upstream's code from trying.
    NO_TORCH_COMPILE = "1";
  };
  commands = ''
    mkdir -p ./etc/ld.so.conf.d .${libc}/etc
    echo 'include /etc/ld.so.conf.d/*.conf' >./etc/ld.so.conf
    touch ./etc/ld.so.cache
    ln -s /etc/ld.so.cache .${libc}/etc/ld.so.cache
  '';
  labels = {
    "org.opencontainers.image.licenses" = "MIT";
    "scenario6.moshi.version" = release.upstream.version;
    "scenario6.moshi.commit" = release.upstream.commit;
  };
}
