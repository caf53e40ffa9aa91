using System.Net.Http.Headers;
using System.Web;
using Generated.NSwag;

namespace Field;

/// <summary>The client that NSwag generates in C#, with Newtonsoft.Json as by default.</summary>
static class NSwagClient
{
    public static async Task<Seen> UseAsync(Facts facts)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", facts.Token);
        var service = new ServiceClient(http) { BaseUrl = facts.BaseUrl };
        var ids = Enumerable.Range(0, 5).Select(n => $"{facts.Prefix}-{n}").ToList();
        var context = facts.Prefix;

        PlayPromptOperation? updated = null;
        foreach (var id in ids)
        {
            updated = await service.UpdatePlayPromptOperationByIdAsync(id: id, body: new PlayPromptOperationPatch
            {
                Status = OperationStatus.Running,
                ClientContext = context,
                ResultInfo = new ResultInfoPatch { Code = 200 },
            });
        }
        var pages = new List<int>();
        var listed = new List<string?>();
        string? skipToken = null;
        do
        {
            var page = await service.ListPlayPromptOperationsAsync(
                filter: $"clientContext eq '{context}'", top: 2, skiptoken: skipToken);
            pages.Add(page.Value.Count);
            listed.AddRange(page.Value.Select(operation => operation.Id));
            skipToken = page.OdataNextLink is { } next ? HttpUtility.ParseQueryString(next.Query)["$skiptoken"] : null;
        } while (skipToken is not null);

        // A property that is null is left out; a null among the additional properties is sent.
        var cleared = await service.UpdatePlayPromptOperationByIdAsync(id: ids[0], body: new PlayPromptOperationPatch
        {
            AdditionalProperties = new Dictionary<string, object> { ["clientContext"] = null!, ["resultInfo"] = null! },
        });
        var read = await service.ReadPlayPromptOperationByIdAsync(ids[0], select: [PropertyName.Id, PropertyName.Status]);
        var subscription = await service.CreateSubscriptionAsync(new NewSubscription
        {
            ChangeType = "updated",
            Resource = "playPromptOperation",
            NotificationUrl = facts.NotificationUrl,
            ExpirationDateTime = facts.Expiration,
        });
        await service.DeleteSubscriptionAsync(subscription.Id);
        await service.DeletePlayPromptOperationByIdAsync(ids[0]);
        return new Seen(
            Seen(updated!),
            Seen(cleared),
            new Operation(read.Id, read.Status.ToString(), read.ClientContext, null, null, null),
            pages,
            listed,
            subscription.Resource,
            await RefusalOf(() => service.UpdatePlayPromptOperationByIdAsync(id: ids[0], body: new PlayPromptOperationPatch { Id = "other" })),
            await RefusalOf(() => service.ReadPlayPromptOperationByIdAsync(ids[0])));
    }

    static Operation Seen(PlayPromptOperation operation) => new(
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
        catch (ApiException<GraphError> refused)
        {
            var targets = refused.Result.Error.Details?.Select(detail => detail.Target) ?? [];
            return new Refusal(refused.StatusCode, refused.Result.Error.Code.ToString(), targets);
        }
    }
}
