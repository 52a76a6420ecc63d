# The locked packages, each lock in two trees: PyTorch with what it alone needs, 5 GB that change when PyTorch does, and over it
# the rest, which changes more often.
{
  lib,
  pythonLock,
  pythonTree,
}:
let
  environment =
    name: lock:
    let
      wheels = lib.partition (wheel: builtins.match "torch|triton|nvidia-.*" wheel.name != null) (
        pythonLock lock
      );
    in
    pythonTree {
      inherit name;
      wheels = wheels.wrong;
      below = lib.optional (wheels.right != [ ]) (pythonTree {
        name = "scenario6-torch";
        wheels = wheels.right;
      });
    };
in
{
  moshi = environment "scenario6-moshi-packages" ../moshi/requirements.lock;
  frontend = environment "scenario6-frontend-packages" ../frontend/requirements.lock;
  # Both, and the tools: for people, and for the development shell.
  development = environment "scenario6-development" ../requirements-dev.lock;
}
