from django.urls import path

from accounts.views import account, consents, enrol, more, notice, sessions, setup, signin

app_name = "accounts"

urlpatterns = [
    path("account/", account.overview, name="overview"),
    path("account/consents/", consents.consents, name="consents"),
    path("account/face/consent/", enrol.ask_consent, name="consent"),
    path("account/face/consent/withdraw/", account.withdraw_consent, name="withdraw_consent"),
    path("account/face/capture/", enrol.capture, name="enrol_capture"),
    path("account/face/finish/", enrol.finish, name="enrol_finish"),
    path("account/face/done/", enrol.enrolled, name="enrolled"),
    path("account/face/delete/", account.delete_face, name="delete_face"),
    path("account/one-more-step/", more.step, name="step"),
    path("account/sessions/", sessions.places, name="sessions"),
    path("account/data/", account.data, name="data"),
    path("account/export/", account.export, name="export"),
    path("account/delete/", account.delete_account, name="delete_account"),
    path("notice/<str:token>/", notice.notice, name="notice"),
    path("setup/", setup.first_administrator, name="setup"),
    path("signin/face/", signin.ask_name, name="signin_face"),
    path("signin/more/", more.more, name="signin_more"),
    path("signin/face/capture/", signin.capture, name="signin_capture"),
    path("signin/face/finish/", signin.finish, name="signin_finish"),
]
