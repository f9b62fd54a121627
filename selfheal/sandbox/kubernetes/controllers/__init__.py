"""What the controller manager does: each controller brings the objects of one kind about. No HTTP, no kubelet."""
