#:sdk Microsoft.NET.Sdk.Web
#:property TargetFramework=net10.0
#:property PublishAot=false
using System.Text.Json;

var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
await using var app = builder.Build();
// As in Graph's own samples, the body is read after the validation, whose request is no JSON.
app.MapPost("/", async (string? validationToken, HttpRequest request) =>
{
    if (validationToken is not null) return Results.Text(validationToken);
    Print(await request.ReadFromJsonAsync<NotificationCollection>());
    return Results.Accepted();
});
await app.StartAsync();
Print(new { new Uri(app.Urls.Single()).Port });
await app.WaitForShutdownAsync();

static void Print(object? value) => Console.WriteLine(JsonSerializer.Serialize(value, JsonSerializerOptions.Web));

record Notification(string SubscriptionId, string ChangeType, string? ClientState, string Resource);

record NotificationCollection(IReadOnlyList<Notification> Value);
