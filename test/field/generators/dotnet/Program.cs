// dotnet field.dll kiota|nswag|graph FACTS: uses the service with a client, and prints what it saw as a line of JSON.
using System.Text.Json;
using Field;

var facts = JsonSerializer.Deserialize<Facts>(args[1], JsonSerializerOptions.Web)!;
object seen = args[0] switch
{
    "kiota" => await KiotaClient.UseAsync(facts),
    "nswag" => await NSwagClient.UseAsync(facts),
    _ => await GraphClient.UseAsync(facts),
};
Console.WriteLine(JsonSerializer.Serialize(seen, JsonSerializerOptions.Web));

namespace Field
{
    /// <summary>What a client is given.</summary>
    record Facts(string BaseUrl, string Token, string Prefix, string NotificationUrl, DateTimeOffset Expiration);

    /// <summary>What it saw of an operation.</summary>
    record Operation(string? Id, string? Status, string? ClientContext, int? Code, string? Message, string? CompletionReason);

    /// <summary>What it saw of an error.</summary>
    record Refusal(int Status, string? Code, IEnumerable<string?> Targets);

    /// <summary>What it saw in all.</summary>
    record Seen(
        Operation Updated,
        Operation Cleared,
        Operation Read,
        IReadOnlyList<int> Pages,
        IReadOnlyList<string?> Listed,
        string? SubscribedTo,
        Refusal Mismatched,
        Refusal Deleted);
}
