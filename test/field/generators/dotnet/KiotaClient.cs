using Generated.Kiota;
using Generated.Kiota.Models;
using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Http.HttpClientLibrary;

namespace Field;

/// <summary>The client that Kiota generates in C#.</summary>
static class KiotaClient
{
    public static async Task<Seen> UseAsync(Facts facts)
    {
        var token = new Token(facts.Token);
        using var adapter = new HttpClientRequestAdapter(new BaseBearerTokenAuthenticationProvider(token))
        {
            BaseUrl = facts.BaseUrl,
        };
        var service = new ServiceClient(adapter).V10;
        var ids = Enumerable.Range(0, 5).Select(n => $"{facts.Prefix}-{n}").ToList();
        var context = facts.Prefix;

        Generated.Kiota.Models.PlayPromptOperation? updated = null;
        foreach (var id in ids)
        {
            updated = await service.PlayPromptOperation[id].PatchAsync(new PlayPromptOperationPatch
            {
                Status = OperationStatus.Running,
                ClientContext = context,
                ResultInfo = new ResultInfoPatch { Code = 200 },
            });
        }
        var pages = new List<int>();
        var listed = new List<string?>();
        var page = await service.PlayPromptOperation.GetAsync(request =>
        {
            request.QueryParameters.Filter = $"clientContext eq '{context}'";
            request.QueryParameters.Top = 2;
        });
        while (page is not null)
        {
            pages.Add(page.Value!.Count);
            listed.AddRange(page.Value.Select(operation => operation.Id));
            page = page.OdataNextLink is { } next
                ? await service.PlayPromptOperation.WithUrl(next).GetAsync()
                : null;
        }

        // A property that is null is left out; a null in the additional data is sent.
        var cleared = await service.PlayPromptOperation[ids[0]].PatchAsync(new PlayPromptOperationPatch
        {
            AdditionalData = new Dictionary<string, object> { ["clientContext"] = null!, ["resultInfo"] = null! },
        });
        var read = await service.PlayPromptOperation[ids[0]].GetAsync(request =>
            request.QueryParameters.Select = [PropertyName.Id, PropertyName.Status]);
        var subscription = await service.Subscriptions.PostAsync(new NewSubscription
        {
            ChangeType = "updated",
            Resource = "playPromptOperation",
            NotificationUrl = facts.NotificationUrl,
            ExpirationDateTime = facts.Expiration,
        });
        await service.Subscriptions[subscription!.Id!].DeleteAsync();
        await service.PlayPromptOperation[ids[0]].DeleteAsync();
        return new Seen(
            Seen(updated!),
            Seen(cleared!),
            new Operation(read!.Id, read.Status.ToString(), read.ClientContext, null, null, null),
            pages,
            listed,
            subscription.Resource,
            await RefusalOf(() => service.PlayPromptOperation[ids[0]].PatchAsync(new PlayPromptOperationPatch { Id = "other" })),
            await RefusalOf(() => service.PlayPromptOperation[ids[0]].GetAsync()));
    }

    static Operation Seen(Generated.Kiota.Models.PlayPromptOperation operation) => new(
        operation.Id,
        operation.Status.ToString(),
        operation.ClientContext,
        operation.ResultInfo?.Code,
        operation.ResultInfo?.Message,
        operation.CompletionReason?.ToString());

    static async Task<Refusal> RefusalOf<T>(Func<Task<T>> request)
    {
        try
        {
            await request();
            throw new InvalidOperationException("It was not refused.");
        }
        catch (GraphError refused)
        {
            var targets = refused.Error!.Details?.Select(detail => detail.Target) ?? [];
            return new Refusal(refused.ResponseStatusCode, refused.Error.Code.ToString(), targets);
        }
    }

    sealed class Token(string token) : IAccessTokenProvider
    {
        public AllowedHostsValidator AllowedHostsValidator { get; } = new(["127.0.0.1"]);

        public Task<string> GetAuthorizationTokenAsync(
            Uri uri,
            Dictionary<string, object>? context = null,
            CancellationToken cancellation = default) => Task.FromResult(token);
    }
}
