using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;

namespace Scenario6.AppHost;

/// <summary>What has to hold before anything starts.</summary>
internal static class Startup
{
    /// <summary>Ends the process as the services do when they cannot start: one line, and exit code 3.</summary>
    /// <param name="code">Its row is in errors.toml.</param>
    /// <param name="why">The text.</param>
    [DoesNotReturn]
    public static void Fail(string code, string why)
    {
        Console.Error.WriteLine($"AppHost: [{code}] {why}");
        Environment.Exit(3);
    }

    /// <summary>Without it Aspire's own services fail first, many lines long.</summary>
    public static DistributedApplication WithACertificate(this DistributedApplication app)
    {
        if (app.Services.GetRequiredService<DistributedApplicationExecutionContext>().IsRunMode
            && app.Services.GetRequiredService<IDeveloperCertificateService>().Certificates.IsEmpty)
        {
            Fail("development-certificate-missing", "there is no development certificate; run `aspire certs trust` once, then start again");
        }
        return app;
    }
}
