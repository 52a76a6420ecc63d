# The page, its configuration and the way to the model's service.
{
  image,
  services,
}:
image {
  name = "scenario6-frontend";
  title = "Scenario 6: the page to talk to Moshi on";
  service = services.moshi-frontend;
  command = [ "moshi-frontend" ];
  port = 8080;
  environment = {
    FRONTEND_HOST = "0.0.0.0";
    FRONTEND_STATE_DIR = "/var/lib/scenario6";
  };
  labels."org.opencontainers.image.licenses" = "MIT";
}
