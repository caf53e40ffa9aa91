// A bot that never misses the end of a prompt, as bot.ts, in one file of C#, without a package.
//
// From the repository, beside `npm start`, with the .NET SDK 10: dotnet run docs/examples/bot.cs
// From a folder of your own: dotnet run bot.cs
#:sdk Microsoft.NET.Sdk.Web
#:property PublishAot=false
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Caching.Memory;

// The service, and its issuer of tokens: in Azure, https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token.
var service = Variable("SERVICE_URL", "http://127.0.0.1:7071") + "/v1.0/";
var issuer = "http://127.0.0.1:7072/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token";
var tokenEndpoint = Variable("TOKEN_ENDPOINT", issuer);
// The app registrations of the service and of the bot. The issuer of a laptop takes any id and secret.
var scope = Variable("SCOPE", "api://playpromptoperation/.default");
var (clientId, clientSecret) = (Variable("CLIENT_ID", "bot"), Variable("CLIENT_SECRET", "any"));
// Where the bot listens, and its URL for the service: NOTIFICATION_HOSTS must list the host.
var port = Variable("WEBHOOK_PORT", "7074");
var webhookUrl = Variable("WEBHOOK_URL", $"http://127.0.0.1:{port}/");
// What the bot remembers: its signing secret, its subscription, and until when it knows all that has ended.
var stateFile = Variable("STATE_FILE", "bot.json");
// The clientContext of the prompt that the bot asks for.
var prompt = Variable("PROMPT", "call 7/1");

const string Ended = "status in ('Completed','Failed')";
// The service gives a notification up after 4 hours, and the `missed` about it after another 4.
var latestNotification = TimeSpan.FromHours(9);

var state = File.Exists(stateFile)
    ? JsonSerializer.Deserialize<State>(File.ReadAllText(stateFile), JsonSerializerOptions.Web)!
    : new State("whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)), "", DateTime.UtcNow);
var key = Convert.FromBase64String(state.Secret["whsec_".Length..]);
var http = new HttpClient { BaseAddress = new Uri(service) };
var (token, tokenExpires) = ("", DateTime.MinValue);

var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
await using var app = builder.Build();
using var handled = new MemoryCache(new MemoryCacheOptions());
using var gaps = new SemaphoreSlim(0);
app.MapPost("{**path}", async (string? validationToken, HttpRequest request) =>
{
    if (validationToken is not null) return Results.Text(validationToken);
    var body = await new StreamReader(request.Body).ReadToEndAsync();
    var id = $"{request.Headers["webhook-id"]}";
    if (!IsSigned(request.Headers, body)) return Results.StatusCode(403);
    foreach (var notification in handled.TryGetValue(id, out _) ? [] : JsonNode.Parse(body)!["value"]!.AsArray())
    {
        if (notification!["resourceData"] is { } operation) PromptEnded(operation, $"signed {id}");
        else gaps.Release();
    }
    // The service repeats a notification for 4 hours.
    handled.Set(id, true, TimeSpan.FromHours(4));
    return Results.Accepted();
});
await app.StartAsync();
// A failure ends the bot, which reads all when it starts again.
await KeepSubscribed(isGap: true);
var asked = await Send("PATCH", "playPromptOperation", new { clientContext = prompt });
Console.WriteLine($"{asked!["id"]} waits for npm run play -- --context '{prompt}'");
while (true) await KeepSubscribed(isGap: await gaps.WaitAsync(TimeSpan.FromHours(1)));

static string Variable(string name, string standard) => Environment.GetEnvironmentVariable(name) ?? standard;

// What the bot does next. It may be called again for a prompt, after a restart.
static void PromptEnded(JsonNode operation, string source) =>
    Console.WriteLine($"{operation["id"]} {operation["status"]} {source}");

void Remember(State changed)
{
    state = changed;
    File.WriteAllText(stateFile + ".new", JsonSerializer.Serialize(state, JsonSerializerOptions.Web));
    if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(stateFile + ".new", UnixFileMode.UserRead | UnixFileMode.UserWrite);
    File.Move(stateFile + ".new", stateFile, overwrite: true);
}

// Renews the subscription, or subscribes anew when it is gone; after a gap, reads which prompts have ended in it.
async Task KeepSubscribed(bool isGap)
{
    var now = DateTime.UtcNow;
    var expirationDateTime = now.AddDays(1);
    if (state.Subscription == "" || await Send("PATCH", $"subscriptions/{state.Subscription}", new { expirationDateTime }) is null)
    {
        isGap = true;
        var old = (await Send("GET", "subscriptions"))!["value"]!.AsArray();
        var created = await Send("POST", "subscriptions", new
        {
            changeType = "created,updated",
            resource = $"playPromptOperation?$filter={Ended}",
            notificationUrl = webhookUrl,
            lifecycleNotificationUrl = webhookUrl,
            clientState = state.Secret,
            expirationDateTime,
        });
        Remember(state with { Subscription = $"{created!["id"]}" });
        // What signs with a secret that is lost.
        foreach (var each in old.Where(each => $"{each!["notificationUrl"]}" == webhookUrl))
            await Send("DELETE", $"subscriptions/{each!["id"]}");
    }
    var filter = Uri.EscapeDataString($"{Ended} and lastActionDateTime ge {state.KnownUntil - latestNotification:O}");
    for (var next = isGap ? $"playPromptOperation?$select=id,status&$filter={filter}" : null; next is not null;)
    {
        var page = await Send("GET", next);
        foreach (var operation in page!["value"]!.AsArray()) PromptEnded(operation!, "listed");
        next = (string?)page["@odata.nextLink"];
    }
    Remember(state with { KnownUntil = now });
}

// The response, or null when there is no such resource. A POST may have taken effect, and is not repeated.
async Task<JsonNode?> Send(string method, string path, object? body = null, int retry = 0)
{
    using var request = new HttpRequestMessage(new HttpMethod(method), path);
    request.Headers.Authorization = new("Bearer", await GetToken());
    if (body is not null) request.Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
    using var response = await http.SendAsync(request);
    if ((int)response.StatusCode is 429 or >= 502 && method != "POST" && retry < 3)
    {
        await Task.Delay(response.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1 << retry));
        return await Send(method, path, body, retry + 1);
    }
    var text = await response.Content.ReadAsStringAsync();
    if (response.StatusCode == HttpStatusCode.NotFound) return null;
    if (!response.IsSuccessStatusCode) throw new HttpRequestException($"{method} {path} returned {text}");
    return text == "" ? new JsonObject() : JsonNode.Parse(text);
}

async Task<string> GetToken()
{
    if (DateTime.UtcNow < tokenExpires) return token;
    using var response = await http.PostAsync(tokenEndpoint, new FormUrlEncodedContent(new Dictionary<string, string>
    {
        ["grant_type"] = "client_credentials",
        ["client_id"] = clientId,
        ["client_secret"] = clientSecret,
        ["scope"] = scope,
    }));
    var granted = await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>();
    (token, tokenExpires) = ((string)granted!["access_token"]!, DateTime.UtcNow.AddSeconds((int)granted["expires_in"]! / 2));
    return token;
}

// As https://www.standardwebhooks.com has it: signed with the secret, and no longer than 5 minutes ago.
bool IsSigned(IHeaderDictionary headers, string body)
{
    var signed = Encoding.UTF8.GetBytes($"{headers["webhook-id"]}.{headers["webhook-timestamp"]}.{body}");
    var signature = Encoding.UTF8.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed)));
    return long.TryParse(headers["webhook-timestamp"], out var seconds)
        && DateTimeOffset.UtcNow.ToUnixTimeSeconds() - seconds is >= -300 and <= 300
        && $"{headers["webhook-signature"]}".Split(' ')
            .Any(each => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(each), signature));
}

record State(string Secret, string Subscription, DateTime KnownUntil);
