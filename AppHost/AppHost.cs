// Which services there are, and what each is to the other. `aspire run` starts them from the images of `nix run .#load-images`.

using Scenario6.AppHost;

var builder = DistributedApplication.CreateBuilder(
    new DistributedApplicationOptions { Args = args, DashboardApplicationName = "Scenario 6" });

var apiToken = builder.AddSecretFrom("MOSHI_API_TOKEN");

var moshi = builder
    .AddService("scenario6-moshi", settings: "MOSHI_", port: 8998)
    // Aspire leaves a container ten seconds to stop, then kills it.
    .WithSettings("MOSHI_", defaults: new() { ["MOSHI_DRAIN_SECONDS"] = "5" })
    .WithSecret("HF_TOKEN", builder.AddSecretFrom("HF_TOKEN"))
    .WithSecret("MOSHI_API_TOKEN", apiToken)
    .WithGpu()
    .WithUrlForEndpoint("https", url => (url.Url, url.DisplayText) = ("/api/info", "What it is doing"))
    .WithVolume("huggingface", "/var/cache/huggingface");

builder
    .AddService("scenario6-frontend", settings: "FRONTEND_", port: 8080, authorities: "FRONTEND_MOSHI_CA")
    .WithSettings("FRONTEND_")
    .WithSecret("MOSHI_API_TOKEN", apiToken)
    .WithSecret("FRONTEND_API_KEYS", builder.AddSecretFrom("FRONTEND_API_KEYS"))
    .WithExternalHttpEndpoints()
    .WithUrlForEndpoint("https", url => url.DisplayText = "Talk to Moshi")
    // By name only, and without waiting for it: while moshi loads its model, the page says how far it is.
    .WithReference(moshi.GetEndpoint("https"));

builder.Build().WithACertificate().Run();
