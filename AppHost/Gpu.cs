namespace Scenario6.AppHost;

/// <summary>The GPU when there is one, else the CPU.</summary>
internal static class Gpu
{
    /// <summary>
    /// SCENARIO6_GPU: `auto` (this machine's NVIDIA GPUs if it has any), `on` or `off`.
    /// </summary>
    public static IResourceBuilder<ContainerResource> WithGpu(this IResourceBuilder<ContainerResource> service)
    {
        var configuration = service.ApplicationBuilder.Configuration;
        var wanted = configuration["SCENARIO6_GPU"] ?? "auto";
        if (wanted is not ("auto" or "on" or "off"))
        {
            Startup.Fail("gpu-setting-invalid", $"SCENARIO6_GPU={wanted}: it takes auto, on or off");
        }
        if (wanted == "off" || (wanted == "auto" && !IsHere()))
        {
            return service;
        }
        // Docker asks NVIDIA's toolkit; Podman takes a device from what `nvidia-ctk cdi generate` wrote.
        return configuration["ASPIRE_CONTAINER_RUNTIME"] == "podman"
            ? service.WithContainerRuntimeArgs("--device", "nvidia.com/gpu=all")
            : service.WithContainerRuntimeArgs("--gpus", "all");
    }

    // The driver's control device, or Windows' in its Linux.
    private static bool IsHere() => File.Exists("/dev/nvidiactl") || File.Exists("/usr/lib/wsl/lib/nvidia-smi");
}
