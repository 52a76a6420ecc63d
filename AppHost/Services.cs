using System.Reflection;

namespace Scenario6.AppHost;

/// <summary>What both services have in common: a prebuilt image, HTTPS, a health check, telemetry.</summary>
internal static class Services
{
    private static readonly string Release =
        Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>A service in the image that has its name.</summary>
    /// <param name="settings">What the names of its own variables begin with.</param>
    /// <param name="port">Where it listens in its container, and where this machine reaches it.</param>
    /// <param name="authorities">Variables that name a file with the authorities that it trusts.</param>
    public static IResourceBuilder<ContainerResource> AddService(
        this IDistributedApplicationBuilder builder, string name, string settings, int port, params string[] authorities)
    {
        var registry = builder.Configuration["SCENARIO6_REGISTRY"];
        var service = builder
            .AddContainer(name, name, Release)
            // Without a registry the image was loaded here, and no other place has one of this name that is ours.
            .WithImagePullPolicy(string.IsNullOrEmpty(registry) ? ImagePullPolicy.Never : ImagePullPolicy.Missing)
            .WithContainerRuntimeArgs("--cap-drop=ALL", "--security-opt=no-new-privileges")
            // The image has a volume there; without a name each start would leave one behind.
            .WithVolume("scenario6", "/var/lib/scenario6")
            .WithHttpsEndpoint(port: port, targetPort: port)
            .WithHttpHealthCheck("/health", endpointName: "https")
            .WithOtlpExporter(OtlpProtocol.Grpc)
            .WithDeveloperCertificate(settings, ["OTEL_EXPORTER_OTLP_CERTIFICATE", .. authorities]);
        return string.IsNullOrEmpty(registry) ? service : service.WithImageRegistry(registry);
    }

    /// <summary>One certificate for everything: that of .NET's and Aspire's developers, made and trusted by the Aspire CLI.</summary>
    private static IResourceBuilder<ContainerResource> WithDeveloperCertificate(
        this IResourceBuilder<ContainerResource> service, string settings, string[] authorities) =>
        service
            .WithHttpsDeveloperCertificate()
            .WithHttpsCertificateConfiguration(https =>
            {
                https.EnvironmentVariables[settings + "TLS"] = "files";
                https.EnvironmentVariables[settings + "TLS_CERT"] = https.CertificatePath;
                https.EnvironmentVariables[settings + "TLS_KEY"] = https.KeyPath;
                return Task.CompletedTask;
            })
            .WithCertificateTrustConfiguration(trust =>
            {
                foreach (var variable in authorities)
                {
                    trust.EnvironmentVariables[variable] = trust.CertificateBundlePath;
                }
                return Task.CompletedTask;
            });
}
