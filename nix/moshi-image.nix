# The model's service. The driver's libraries are mounted by the container runtime (NVIDIA's toolkit, or CDI).
{
  image,
  release,
  services,
}:
let
  cache = "/var/cache/huggingface";
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
    LD_LIBRARY_PATH = "/usr/lib64:/usr/local/nvidia/lib64:/usr/lib/x86_64-linux-gnu";
  };
  labels = {
    "org.opencontainers.image.licenses" = "MIT";
    "scenario6.moshi.version" = release.upstream.version;
    "scenario6.moshi.commit" = release.upstream.commit;
  };
}
