"""The page on which administrators say what a sign-in needs, with words on what each rule means."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import policies
from accounts.models import SignInPolicy, User

Rule = SignInPolicy.Rule
MEANING = {
    Rule.FACE: "The face alone, or the password alone. For demonstrations: a face is no secret. Whoever has set up a "
    "second factor is asked for it all the same.",
    Rule.FACE_PASSWORD: "The face and the password, both. Without a camera: the password and a second factor.",
    Rule.FACE_SECOND: "The face and a passkey or a code. Without a camera: the password and a passkey or a code.",
    Rule.PASSWORD_SECOND: "The password and a passkey or a code. A face opens nothing by itself.",
}
NOTE = (
    "Of the site's rule and those of somebody's groups the strictest counts, in the order of this list. It binds "
    "sessions that are open already. Whoever has not set up what is needed comes in with the password alone, and can do "
    "nothing there but set it up. Nobody is told a rule before a face or a password was right."
)


class PolicyForm(forms.ModelForm):
    rule = forms.ChoiceField(
        choices=[(rule.value, f"{rule.label}. {MEANING[rule]}") for rule in Rule],
        widget=forms.RadioSelect,
    )

    class Meta:
        model = SignInPolicy
        fields = ["group", "rule", "staff_pages"]

    def clean_group(self) -> Any:
        group = self.cleaned_data.get("group")
        others = SignInPolicy.objects.exclude(pk=self.instance.pk)
        if others.filter(group=group).exists():
            raise forms.ValidationError("There is a policy for this already: change that one.")
        return group


@admin.register(SignInPolicy)
class SignInPolicyAdmin(admin.ModelAdmin):
    form = PolicyForm
    list_display = ["whom", "rule", "meaning", "staff_pages", "changed"]
    list_display_links = ["whom"]
    list_select_related = ["group"]
    ordering = ["pk"]

    @admin.display(description="For")
    def whom(self, policy: SignInPolicy) -> str:
        return str(policy.group or "The whole site")

    @admin.display(description="What it means")
    def meaning(self, policy: SignInPolicy) -> str:
        return MEANING[Rule(policy.rule)]

    def get_fieldsets(self, request: HttpRequest, obj: SignInPolicy | None = None) -> Any:
        fields = ["rule", "staff_pages"] if obj and obj.group is None else ["group", "rule"]
        return [(None, {"fields": fields, "description": NOTE})]

    def get_readonly_fields(self, request: HttpRequest, obj: SignInPolicy | None = None) -> Any:
        return ["group"] if obj and obj.group else []

    def has_delete_permission(self, request: HttpRequest, obj: SignInPolicy | None = None) -> bool:
        """The site always has a rule."""
        site = obj is not None and obj.group is None
        return not site and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: SignInPolicy, form: Any, change: bool) -> None:
        by = cast(User, request.user)
        staff_pages = bool(form.cleaned_data.get("staff_pages"))
        kept = policies.set_policy(group=obj.group, rule=obj.rule, staff_pages=staff_pages, by=by)
        obj.pk = kept.pk

    def delete_model(self, request: HttpRequest, obj: SignInPolicy) -> None:
        if obj.group is not None:
            policies.remove_policy(group=obj.group, by=cast(User, request.user))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SignInPolicy]) -> None:
        for policy in queryset:
            self.delete_model(request, policy)
