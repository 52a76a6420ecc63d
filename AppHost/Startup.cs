using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;

namespace Scenario6.AppHost;

/// <summary>What has to hold before anything starts.</summary>
internal static class Startup
{
    /// <summary>Ends the process as the services do when they cannot start: one line, and exit code 3.</summary>
    [DoesNotReturn]
    public static void Fail(string why)
    {
        Console.Error.WriteLine($"AppHost: {why}");
        Environment.Exit(3);
    }

    /// <summary>Without it Aspire's own services fail first, many lines long.</summary>
    public static DistributedApplication WithACertificate(this DistributedApplication app)
    {
        if (app.Services.GetRequiredService<DistributedApplicationExecutionContext>().IsRunMode
            && app.Services.GetRequiredService<IDeveloperCertificateService>().Certificates.IsEmpty)
        {
            Fail("there is no development certificate; run `aspire certs trust` once, then start again");
        }
        return app;
    }
}
