# The two services as they run: a tree with our code over the trees with everybody else's.
{
  lib,
  runCommand,
  environment,
  page,
  projectWheel,
  pythonTree,
  vendored-moshi,
}:
let
  moshi = projectWheel {
    folder = ../third_party/moshi;
    source = vendored-moshi;
  };
  service = projectWheel { folder = ../service; };
  backend = projectWheel { folder = ../moshi; };
  frontend = projectWheel {
    folder = ../frontend;
    source = runCommand "moshi-frontend-source" { } ''
      mkdir "$out"
      cp -r ${../frontend/README.md} "$out/README.md"
      cp -r ${../frontend/pyproject.toml} "$out/pyproject.toml"
      cp -r ${../frontend/src} "$out/src"
      chmod -R u+w "$out"
      rm -rf "$out/src/moshi_frontend/static"
      cp -r ${page} "$out/src/moshi_frontend/static"
    '';
  };
  client = projectWheel { folder = ../tools/client; };
  loadtest = projectWheel { folder = ../tools/loadtest; };
in
{
  moshi-backend = pythonTree {
    name = "moshi-backend";
    wheels = [
      moshi
      service
      backend
    ];
    below = [ environment.moshi ];
  };
  moshi-frontend = pythonTree {
    name = "moshi-frontend";
    wheels = [
      service
      frontend
    ];
    below = [ environment.frontend ];
  };
  # Both side by side, with what tools/run needs, and with our own client. Neither image has the client in it.
  demo = pythonTree {
    name = "scenario6-demo";
    wheels = [
      moshi
      service
      backend
      frontend
      client
      loadtest
    ];
    below = [ environment.development ];
  };
}
