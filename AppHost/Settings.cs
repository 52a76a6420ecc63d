using System.Collections;

namespace Scenario6.AppHost;

/// <summary>The services' own settings (docs/reference/configuration.md), taken from the environment of `aspire run`.</summary>
internal static class Settings
{
    // The image, the certificate and the secrets below say these.
    private static readonly string[] NotForPeople =
        ["HOST", "PORT", "STATE_DIR", "TLS", "TLS_CERT", "TLS_KEY", "TLS_HOSTS", "API_TOKEN", "API_KEYS", "URL"];

    /// <summary>Passes on each variable with this prefix; a file or folder of this machine is mounted, read only.</summary>
    public static IResourceBuilder<ContainerResource> WithSettings(
        this IResourceBuilder<ContainerResource> service, string prefix, Dictionary<string, string>? defaults = null)
    {
        var settings = new Dictionary<string, string>(defaults ?? []);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            var name = (string)variable.Key;
            if (name.StartsWith(prefix, StringComparison.Ordinal) && !NotForPeople.Contains(name[prefix.Length..]))
            {
                settings[name] = (string)variable.Value!;
            }
        }
        foreach (var (name, value) in settings)
        {
            // Relative to what? Not to where the person is: Aspire starts this in a folder of its own.
            if (value.StartsWith('.') || value.StartsWith('~'))
            {
                Startup.Fail("path-not-absolute", $"{name}={value}: name the file or folder by its whole path, from the root");
            }
            if (!Path.IsPathRooted(value))
            {
                service.WithEnvironment(name, value);
                continue;
            }
            if (!Path.Exists(value))
            {
                Startup.Fail("path-missing", $"{name}={value}: there is no such file or folder on this machine");
            }
            var target = $"/mnt/{name.ToLowerInvariant()}/{Path.GetFileName(Path.TrimEndingDirectorySeparator(value))}";
            service.WithBindMount(value, target, isReadOnly: true).WithEnvironment(name, target);
        }
        return service;
    }

    /// <summary>
    /// What the dashboard does not show, from the variable or, for HF_TOKEN, from `aspire secret set Parameters:hf-token`.
    /// None if neither is there.
    /// </summary>
    public static IResourceBuilder<ParameterResource>? AddSecretFrom(this IDistributedApplicationBuilder builder, string variable)
    {
        // A parameter's name has no underscore.
        var name = variable.ToLowerInvariant().Replace('_', '-');
        var value = builder.Configuration[variable] ?? builder.Configuration[$"Parameters:{name}"];
        return string.IsNullOrEmpty(value) ? null : builder.AddParameter(name, value, secret: true);
    }

    /// <summary>Gives a service a secret, if there is one.</summary>
    public static IResourceBuilder<ContainerResource> WithSecret(
        this IResourceBuilder<ContainerResource> service, string variable, IResourceBuilder<ParameterResource>? secret) =>
        secret is null ? service : service.WithEnvironment(variable, secret);
}
